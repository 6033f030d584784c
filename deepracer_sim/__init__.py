"""The world: track, car, camera, referee, embedded world. Knows nothing of rewards or learning."""
