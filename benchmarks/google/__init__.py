"""What issue "Google Cloud" promises, measured against local servers."""
