"""dsync's `/dev/random`: a source that makes its documents up."""
