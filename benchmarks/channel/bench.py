# SPDX-License-Identifier: Apache-2.0
"""Round trips through the shared-memory channel beside the same through a Unix seqpacket socket."""

import json
import os
import subprocess


def run(options, row):
    program = os.path.join(os.environ["OPENDEXT_PREFIX"], "benchmarks", "bench_channel")
    words = [program] + (["--quick"] if options.quick else [])
    output = subprocess.run(words, check=True, text=True, stdout=subprocess.PIPE).stdout
    for line in output.splitlines():
        one = json.loads(line)
        yield row(one["bench"], one["case"], one["metric"], one["unit"], one["ours"], one["peer"], one["peer_name"])
