"""The containers that pictures come in, taken apart without decoding: picture data, EXIF, XMP, and whether they are whole."""
