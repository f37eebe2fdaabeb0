"""dsync's `/dev/random`: a source that makes up its documents."""
