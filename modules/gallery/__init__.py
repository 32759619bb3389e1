"""Finished pictures: their files, their records, their thumbnails. The room knows neither jobs nor models."""
