"""The words of the fields of Extras: finished pictures enlarged, their faces restored, cut up and mirrored.

That the rows are those of schema.extras_request.ExtrasRequest is held by a test; their order is that of a page.
"""

from __future__ import annotations

from modules.config.field_words import FieldWords

USUAL_UPSCALER = "atelier-x2"
"""What enlarges a picture where none is named; it ships with the program."""

EXTRAS_WORDS: dict[str, FieldWords] = {
    "images": FieldWords(
        "Input picture", "the picture files, or folders of them", "pictures", metavar="FILE", kind="pictures"
    ),
    "resize_mode": FieldWords(
        "Resize mode",
        "Scale by a factor, or Scale to a size; default: to a size where a width or height is given",
        "upscale",
        "--resize-mode",
        "MODE",
    ),
    "upscaling_resize": FieldWords(
        "Upscale by", "how many times as wide and high, 1 to 8; default: 2", "upscale", "--upscale-by", "FACTOR"
    ),
    "upscaling_resize_w": FieldWords(
        "Upscale to width", "width to scale to; 0: so that the shape stays", "upscale", "--width", "PIXELS"
    ),
    "upscaling_resize_h": FieldWords(
        "Upscale to height", "height to scale to; 0: so that the shape stays", "upscale", "--height", "PIXELS"
    ),
    "upscaling_crop": FieldWords(
        "Crop to fit",
        "cut off what does not fit into width and height; on unless switched off, then all of it stays",
        "upscale",
        "--crop",
        kind="switched on",
    ),
    "max_side_length": FieldWords(
        "Max side length",
        "the longest side that a factor may lead to; 0: no limit",
        "upscale",
        "--max-side-length",
        "PIXELS",
    ),
    "upscaler_1": FieldWords("Upscaler 1", "what enlarges the picture, or None", "upscale", "--upscaler", "NAME"),
    "upscaler_2": FieldWords(
        "Upscaler 2", "a second upscaler, whose result is laid over the first", "upscale", "--upscaler-2", "NAME"
    ),
    "extras_upscaler_2_visibility": FieldWords(
        "Upscaler 2 visibility",
        "how much of the second is seen; 0: nothing",
        "upscale",
        "--upscaler-2-visibility",
        "SHARE",
    ),
    "gfpgan_visibility": FieldWords(
        "GFPGAN visibility",
        "how much of the faces restored by GFPGAN is seen; 0: off",
        "faces",
        "--gfpgan-visibility",
        "SHARE",
    ),
    "codeformer_visibility": FieldWords(
        "CodeFormer visibility",
        "how much of the faces restored by CodeFormer is seen; 0: off",
        "faces",
        "--codeformer-visibility",
        "SHARE",
    ),
    "codeformer_weight": FieldWords(
        "CodeFormer weight", "0: the better face, 1: the more faithful one", "faces", "--codeformer-weight", "SHARE"
    ),
    "upscale_first": FieldWords(
        "Upscale before restoring faces",
        "enlarge first; on unless switched off",
        "faces",
        "--upscale-first",
        kind="switched on",
    ),
    "accept_noncommercial": FieldWords(
        "Accept non-commercial licences",
        "use models whose licence forbids commercial use",
        "faces",
        "--accept-noncommercial",
        kind="switch",
    ),
    "split_oversized": FieldWords(
        "Split oversized images",
        "cut long pictures into pieces",
        "cutting",
        "--split-oversized",
        kind="switch",
    ),
    "split_threshold": FieldWords(
        "Split image threshold",
        "split only where one piece would show at most this share of the picture",
        "cutting",
        "--split-threshold",
        "SHARE",
    ),
    "overlap_ratio": FieldWords(
        "Split image overlap ratio",
        "share of a piece that its neighbour shows too",
        "cutting",
        "--overlap-ratio",
        "SHARE",
    ),
    "focal_crop": FieldWords(
        "Auto focal point crop",
        "cut to the size of the pieces, around what draws the eye",
        "cutting",
        "--focal-crop",
        kind="switch",
    ),
    "crop_width": FieldWords(
        "Width of the pieces", "for splitting and focal point crop", "cutting", "--crop-width", "PIXELS"
    ),
    "crop_height": FieldWords(
        "Height of the pieces", "for splitting and focal point crop", "cutting", "--crop-height", "PIXELS"
    ),
    "auto_sized_crop": FieldWords(
        "Auto-sized crop",
        "cut the middle out, at the best size within the limits below",
        "cutting",
        "--auto-sized-crop",
        kind="switch",
    ),
    "min_side": FieldWords(
        "Dimension lower bound", "shortest side of an auto-sized crop", "cutting", "--min-side", "PIXELS"
    ),
    "max_side": FieldWords(
        "Dimension upper bound", "longest side of an auto-sized crop", "cutting", "--max-side", "PIXELS"
    ),
    "min_area": FieldWords(
        "Area lower bound", "fewest pixels of an auto-sized crop", "cutting", "--min-area", "PIXELS"
    ),
    "max_area": FieldWords("Area upper bound", "most pixels of an auto-sized crop", "cutting", "--max-area", "PIXELS"),
    "crop_objective": FieldWords(
        "Resizing objective",
        "which auto-sized crop is best: Maximize area or Minimize error",
        "cutting",
        "--crop-objective",
        "AIM",
    ),
    "crop_threshold": FieldWords(
        "Error threshold",
        "by how much an auto-sized crop may change the aspect ratio",
        "cutting",
        "--crop-threshold",
        "SHARE",
    ),
    "flipped_copies": FieldWords(
        "Create flipped copies",
        "a mirrored copy as well: horizontal, vertical or both; may be repeated",
        "cutting",
        "--flipped-copy",
        "AXIS",
        "list",
    ),
    "postprocessing": FieldWords(
        "Post-processing",
        "a step of an extension to switch on, or a value for it; may be repeated",
        "steps",
        "--step",
        "NAME[:ARGUMENT=VALUE]",
        "sections",
    ),
}
