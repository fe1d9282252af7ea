"""A reproducible year of ten ministries: people, papers, records and the truth."""
