"""The window of Shiguang: Qt only, no SQL, no numpy mathematics. It asks `core.app` and shows the answers."""
