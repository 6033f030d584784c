"""The real Gazebo 11 (Classic) as a world: its installation, its world files, its server."""
