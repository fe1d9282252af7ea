"""The checker of a chaos trial: counts by itself, from what went in and what came out.

Rules:

- It shares nothing with the hub: no module of it is imported here (a contract sees to
  it). What goes in are the ministries' files, what comes out are their receipts and the
  observations of a subscriber, decoded from the published schemas.
- Every row of a file is accounted for: refused as the sample's truth says, or accepted,
  or a copy. Every record counts once in every figure it belongs to.
- Lost is what is missing, doubled is what is there twice; both are rows.
"""
