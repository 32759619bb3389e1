"""Image upscalers: which there are, loading, tiled application, faces.

Pixels are uint8 arrays (height, width, 3) in sRGB, or (height, width, 4) with alpha. The room knows neither jobs nor
requests; `registry` and `target` are free of torch, so that a page can list upscalers before torch is imported.
"""
