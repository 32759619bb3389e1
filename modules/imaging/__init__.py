"""Pictures as arrays and as bytes: sizes, masks, canvases, colours, grids; encoding, metadata, safe reading.

The room knows no requests and no networks. Pixels are uint8 arrays (height, width, 3) in sRGB; masks are uint8 arrays
(height, width), 255 where to repaint and 0 where to keep; sizes are given as width, height. A function returns new
arrays and leaves those it was given as they are. Files become pixels in `reading` (a Pillow image, since it may be
transparent) and `flattening`.
"""
