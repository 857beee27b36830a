"""What every room uses: errors, the cache, progress lines."""
