"""Long actions in threads of their own: one `Worker` a task, one `Lane` a thread."""
