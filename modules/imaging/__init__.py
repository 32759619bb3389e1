"""Pictures as bytes: encoding, metadata containers, safe reading, thumbnails. The room knows no requests."""
