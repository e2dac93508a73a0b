"""What comparisons found, made up."""

SCORES = ("mIoU", "wIoU", "mVC8", "mVC16", "mTC")


def system(name: str, *values: float, **more) -> dict:
    """One whose scores all are `value`, a seed each."""
    seeds = [
        {
            "seed": seed,
            "weights_sha256": "a" * 64,
            "commands": [f"vidseg train {name}", f"vidseg evaluate {name}"],
            "protocols": {protocol: dict.fromkeys(SCORES, value) for protocol in ("vspw", "exact")},
        }
        for seed, value in enumerate(values)
    ]
    described = {"backbone": "mit_b0", "parameters": 3_700_000}
    described["complexity"] = {"multiply_adds": {"stream": {"total": 8_100_000_000}}}
    timing = {"mean": 0.2, "median": 0.1, "p95": 0.5, "worst": 0.6, "runs": 10}
    timing |= {"seconds_per_frame": 0.2, "state_bytes": 2_000_000}
    known = {"published": {}, "failure": None, "untimed": None, "report": None, "described": described}
    return known | {"name": name, "timing": timing, "seeds": seeds} | more


def record(*systems: dict, **more) -> dict:
    machine = {"cpu": "a CPU", "cores": 2, "torch_threads": 1, "system": "Linux", "python": "3", "versions": {}}
    data = {"name": "data", "split": "val", "videos": 1, "frames": 9, "labelled_frames": 9, "classes": ["a", "b"]}
    timing = {"machine": machine, "frame_size": [48, 64], "video": "data, video a", "runtime": "torch"}
    return {
        **{"vidseg": "1", "command": "vidseg compare plan.yaml -o out", "date": "today", "machine": machine},
        **{"protocol": "vspw", "baseline": None, "data": data, "timing": timing, "systems": list(systems)},
        **more,
    }
