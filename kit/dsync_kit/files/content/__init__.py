"""What a file holds: lines, Extended JSON, compression."""
