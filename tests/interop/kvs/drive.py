"""Drives boto3: one call as a JSON line in, its outcome as a JSON line out.

The first line in says where the service is and how to sign in. Operations are named as boto3 names its methods, and
what is given are their arguments.
"""

import datetime
import json
import sys

import boto3


def write(answer):
    def seconds(value):
        if isinstance(value, datetime.datetime):
            return value.timestamp()
        raise TypeError(value)

    print(json.dumps(answer, default=seconds), flush=True)


config = json.loads(sys.stdin.readline())
services = [
    boto3.client(
        service,
        endpoint_url=config["url"],
        region_name="us-west-2",
        aws_access_key_id=config["key"],
        aws_secret_access_key=config["secret"],
    )
    for service in ("kinesisvideo", "kinesis-video-signaling", "kinesis-video-webrtc-storage")
]
# The first service with an operation of that name.
methods = {
    name: getattr(service, name)
    for service in reversed(services)
    for name in service.meta.method_to_api_mapping
}

write({"version": boto3.__version__, "operations": sorted(methods)})
for line in sys.stdin:
    asked = json.loads(line)
    try:
        value = methods[asked["operation"]](**asked["input"])
        value.pop("ResponseMetadata")
        write({"value": value})
    except Exception as error:
        write({"error": f"{type(error).__name__}: {error}"})
