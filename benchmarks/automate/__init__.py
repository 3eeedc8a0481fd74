"""What issue "new images by themselves" promises, measured against local servers."""
