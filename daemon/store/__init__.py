"""Where do records lie, in which version, and who may see them?

                stage              compare             RecordsCaptured durable      accept
  page of records ──► staged rows ──► counts, digest ──────────► (log) ──────────────► current rows
                          │
                          └── never recorded: dropped, at the latest at the next start

A row of `record` carries the version that wrote it and the version that replaced it. Unchanged rows
are not written again. What is refused never lies among them. In a stream that is fetched day by day
a row also carries the day that it came in last, and only that day's answer can remove it.
"""
