"""What members read, in the words of SDMX: structures, queries, messages; all pure."""
