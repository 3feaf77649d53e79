"""The application: files in, files out."""
