import pytest


@pytest.fixture
def write(tmp_path):
    def write_reward(source, name="mine.py"):
        path = tmp_path / name
        path.write_bytes(source if isinstance(source, bytes) else source.encode())
        return path

    return write_reward
