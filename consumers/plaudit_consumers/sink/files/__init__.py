"""Makes Parquet files: their metadata, one file, and the files of both subsets."""
