"""The starter: two packages' pretrained encoders under trained heads, put together by packaging/train_starter.py."""
