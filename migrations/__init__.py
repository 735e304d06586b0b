"""The schema of both databases, one folder each, in numbered steps that yoyo applies."""
