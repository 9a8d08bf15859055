"""The chassis under schedules that a seed decides: real code and a real PostgreSQL, a simulated Kafka, network and clock.

`python -m tests.simulator --seed 1 --schedules 1000` runs schedules; `--replay 17` runs one again.
"""
