import cv2
import numpy as np
import pytest

from deepracer_sim.errors import UserError
from deepracer_sim.track_files import load_track
from deepracer_sim.track_plot import plot_track


@pytest.mark.parametrize("direction", ["counter-clockwise", "clockwise"])
def test_a_picture_is_in_the_colours_of_the_track(tmp_path, direction):
    track = load_track("reinvent_2018")
    plot_track(track if direction == "counter-clockwise" else track.reversed(), tmp_path / "t.png")
    picture = cv2.imread(str(tmp_path / "t.png"))[..., ::-1].reshape(-1, 3).astype(int)
    share = {
        name: np.mean(np.all(np.abs(picture - getattr(track.style, name)) <= 2, axis=1))
        for name in ("road", "field", "border", "dash")
    }
    # 8.13 m x 5.39 m are shown; the road is 17.71 m long, 0.762 m wide with its two border lines.
    road, field = 17.71 * (0.762 - 0.1), 8.13 * 5.39 - 17.71 * 0.762
    assert share["road"] / share["field"] == pytest.approx(road / field, rel=0.06)
    assert share["border"] > 0.02
    assert share["dash"] > 0.001


def test_a_picture_that_cannot_be_written_is_a_user_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="Cannot write"):
        plot_track(load_track("oval"), tmp_path / "file" / "t.png")
