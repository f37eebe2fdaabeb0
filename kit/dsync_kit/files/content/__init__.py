"""The content of files: lines, Extended JSON, compression."""
