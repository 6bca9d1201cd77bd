"""The console's page of data sets: search, read and exclude rows of snapshots."""
