"""From a disk to a picture: volumes, scan and watch; identity, decoding and metadata; thumbnails."""
