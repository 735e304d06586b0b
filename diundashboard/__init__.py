"""DIUN Dashboard: keeps what DIUN says once, and lets people work it off."""
