import shutil

import pytest


@pytest.fixture
def learned(trained, tmp_path, monkeypatch):
    """A folder to work in that holds models/learned, a copy of the trained model."""
    monkeypatch.chdir(tmp_path)
    return shutil.copytree(trained.folder, tmp_path / "models" / "learned")
