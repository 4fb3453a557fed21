"""What a client of Cosdata's protocol sends, without one."""

from __future__ import annotations

import httpx


def token(url: str, password: str = "admin") -> str:
    """Log in."""
    body = {"username": "admin", "password": password}
    answer = httpx.post(f"{url}/auth/create-session", json=body, timeout=30)
    answer.raise_for_status()
    return answer.json()["access_token"]


def client(url: str, password: str = "admin") -> httpx.Client:
    """Return a client that is logged in."""
    return httpx.Client(base_url=url, headers={"authorization": f"Bearer {token(url, password)}"}, timeout=30)
