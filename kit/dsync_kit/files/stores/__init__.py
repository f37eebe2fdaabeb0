"""Where files are: what is needed of a store, a bucket, a local folder."""
