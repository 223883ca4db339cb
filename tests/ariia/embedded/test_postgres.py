"""The embedded server as its users see it: roles, durability, one service per folder, any folder."""

import os
import stat
import threading
from pathlib import Path

import psycopg
import pytest
from ariia.embedded import postgres
from conftest_embedded import connected  # type: ignore[import-not-found]
