"""The figures of the paper (Sun et al., CVPR 2022), in percent: theirs, measured on other data and a GPU."""

VSPW = {
    # mIoU, wIoU, mVC8, mVC16, frames a second
    ("SegFormer", "B0"): (32.9, 56.8, 82.7, 77.3, 73.4),
    ("SegFormer", "B1"): (36.5, 58.8, 84.7, 79.9, 58.7),
    ("SegFormer", "B2"): (43.9, 63.7, 86.0, 81.2, 39.2),
    ("SegFormer", "B5"): (48.2, 65.1, 87.8, 83.7, 17.2),
    ("CFFM", "B0"): (35.4, 58.5, 87.7, 82.9, 43.1),
    ("CFFM", "B1"): (38.5, 60.0, 88.6, 84.1, 29.8),
    ("CFFM", "B2"): (44.9, 64.9, 89.8, 85.8, 23.8),
    ("CFFM", "B5"): (49.3, 65.8, 90.8, 87.1, 11.3),
}
CITYSCAPES = {
    # mIoU, frames a second
    ("SegFormer", "B0"): (71.9, 58.5),
    ("SegFormer", "B1"): (74.1, 46.8),
    ("CFFM", "B0"): (74.0, 34.2),
    ("CFFM", "B1"): (75.1, 23.6),
}
# mIoU, mVC8, mVC16 on VSPW; the layers are those of B0, the references those of B1.
LAYERS = {1: (35.4, 87.7, 82.9), 2: (35.7, 87.7, 83.0)}
REFERENCES = {
    "3": (37.4, 87.4, 82.4),
    "6": (37.7, 88.0, 83.3),
    "9": (37.9, 88.4, 83.9),
    "3, 2, 1": (37.7, 88.3, 83.6),
    "9, 6, 3": (38.5, 88.6, 84.1),
}
# mIoU on VSPW, B1.
ASSEMBLING = {"assembling alone": (37.6, None, None), "assembling and mining": (38.5, None, None)}
