"""What each operator takes on this host, told by the runtimes' own profilers.

A profiler looks at the clock around each operator, which costs time: so it runs in a process of its
own, after latencies were taken, and shares of time are what it is good for.
"""
