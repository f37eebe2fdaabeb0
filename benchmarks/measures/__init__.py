"""What `make bench` measures: one module for each section of docs/benchmarks.md."""
