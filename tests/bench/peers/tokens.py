"""Nanoseconds of CPU time that PyPI `opentok` takes per client token: one line for each form.

PYTHONPATH says where the package is; the arguments are the API key, the secret, the session and the data.
"""

import sys
import time
import warnings

warnings.simplefilter("ignore")

from opentok import Client, Roles

key, secret, session, data = sys.argv[1:]
sdk = Client(key, secret)

for form, jwt in [("JWT", True), ("T1", False)]:
    count = 5000
    for _ in range(count // 4):
        sdk.generate_token(session, role=Roles.moderator, data=data, use_jwt=jwt)
    begun = time.process_time_ns()
    for _ in range(count):
        sdk.generate_token(session, role=Roles.moderator, data=data, use_jwt=jwt)
    print(form, (time.process_time_ns() - begun) / count)
