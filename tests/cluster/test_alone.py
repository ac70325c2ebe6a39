"""`inkbench repro` on one machine, where Ray cannot start or the command is ended."""

import signal

import psutil
import pytest
from toy import Toy

pytestmark = pytest.mark.slow


def test_repro_is_serial_where_ray_cannot_start(isolated, serial, tmp_path, expected):
    """Without loopback, Ray would try for minutes."""
    toy = Toy(serial / "data").copy(tmp_path / "toy")
    done = toy.run(*isolated, "inkbench", "repro", "plot@letters-a")
    assert "Ray cannot start" in done.stdout
    own = {name: file for name, file in toy.outputs().items() if "letters-a" in name}
    assert own == {name: file for name, file in expected.items() if "letters-a" in name}


def test_sigterm_ends_repro_and_the_stage_that_it_runs(serial, tmp_path):
    toy = Toy(serial / "fresh").copy(tmp_path / "toy")
    toy.ask("pause-download-digits-start")
    head = toy.start("inkbench", "repro")
    toy.paused("download-digits")
    head.send_signal(signal.SIGTERM)
    assert head.wait(timeout=60) == 128 + signal.SIGTERM, toy.log.read_text()
    toy.wait_for(
        lambda: all(p.info["cwd"] != str(toy.folder) for p in psutil.process_iter(["cwd"])), 10
    )
    toy.go_on()
    toy.run("dvc", "repro", "download@digits")  # no lock is left
