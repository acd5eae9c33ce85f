"""What boto3 sees of the emulator; ends with `as expected` or an assertion."""

import io
import os
import time

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

MIB = 1024 * 1024


def refused(call, **arguments):
    """Calls, expects an error and returns its code."""
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"]
    raise AssertionError(f"{call} was not refused")


def check_objects():
    s3 = boto3.client("s3")
    assert refused(s3.create_bucket, Bucket="source") == "IllegalLocationConstraintException"
    here = {"LocationConstraint": "eu-central-1"}
    s3.create_bucket(Bucket="source", CreateBucketConfiguration=here)
    content = os.urandom(12 * MIB)
    parts = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB)
    s3.upload_fileobj(io.BytesIO(content), "source", "big", Config=parts)
    back = io.BytesIO()
    s3.download_fileobj("source", "big", back, Config=parts)
    assert back.getvalue() == content
    head = s3.head_object(Bucket="source", Key="big", ChecksumMode="ENABLED")
    assert head["ETag"].endswith('-3"') and head["ChecksumType"] == "COMPOSITE", head

    for algorithm in ("CRC32", "SHA1", "SHA256"):
        s3.put_object(Bucket="source", Key=algorithm, Body=b"x" * 100_000, ChecksumAlgorithm=algorithm)
        head = s3.head_object(Bucket="source", Key=algorithm, ChecksumMode="ENABLED")
        assert f"Checksum{algorithm}" in head, head
    assert refused(s3.put_object, Bucket="source", Key="a", Body=b"a", ChecksumSHA256="A" * 43 + "=") == "BadDigest"
    s3.put_object(Bucket="source", Key="once", Body=b"1", IfNoneMatch="*")
    assert refused(s3.put_object, Bucket="source", Key="once", Body=b"2", IfNoneMatch="*") == "PreconditionFailed"
    part = s3.get_object(Bucket="source", Key="big", Range="bytes=5242870-5242889")
    assert part["Body"].read() == content[5242870:5242890]

    pages = s3.get_paginator("list_objects_v2").paginate(Bucket="source", PaginationConfig={"PageSize": 2})
    keys = [found["Key"] for page in pages for found in page.get("Contents", [])]
    assert keys == ["CRC32", "SHA1", "SHA256", "big", "once"], keys
    assert refused(s3.get_object, Bucket="source", Key="none") == "NoSuchKey"
    assert refused(s3.get_object, Bucket="none-such", Key="none") == "NoSuchBucket"
    stranger = boto3.client("s3", aws_secret_access_key="wrong", aws_access_key_id="test")
    assert refused(stranger.list_buckets) == "SignatureDoesNotMatch"
    west = boto3.client("s3", region_name="us-west-2", config=Config(s3={"addressing_style": "path"}))
    # boto3 follows the redirect to the bucket's region by itself.
    assert west.get_object(Bucket="source", Key="once")["Body"].read() == b"1"


def check_logs():
    logs = boto3.client("logs")
    place = {"logGroupName": "g", "logStreamName": "s"}
    assert refused(logs.get_log_events, **place) == "ResourceNotFoundException"
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(**place)
    now = int(time.time() * 1000)
    logs.put_log_events(**place, logEvents=[{"timestamp": now, "message": f"{n}\n"} for n in range(10_000)])
    logs.put_log_events(**place, logEvents=[{"timestamp": now, "message": "end\n"}])
    token, seen = {}, []
    while True:
        page = logs.get_log_events(**place, startFromHead=True, **token)
        seen += [event["message"] for event in page["events"]]
        if token.get("nextToken") == page["nextForwardToken"]:
            break
        token = {"nextToken": page["nextForwardToken"]}
    assert len(seen) == 10_001 and seen[-1] == "end\n", len(seen)


def check_parameters_and_secrets():
    ssm = boto3.client("ssm")
    ssm.put_parameter(Name="/app/a", Value="v", Type="SecureString", Tags=[{"Key": "k", "Value": "v"}])
    assert refused(ssm.put_parameter, Name="/app/a", Value="v", Type="SecureString") == "ParameterAlreadyExists"
    found = ssm.get_parameter(Name="/app/a", WithDecryption=True)["Parameter"]
    assert found["Value"] == "v" and found["LastModifiedDate"].timestamp() > time.time() - 60
    assert ssm.delete_parameters(Names=["/app/a", "/app/b"])["InvalidParameters"] == ["/app/b"]
    secrets = boto3.client("secretsmanager")
    secrets.create_secret(Name="app", SecretBinary=b"\x00\xff")
    assert secrets.get_secret_value(SecretId="app")["SecretBinary"] == b"\x00\xff"
    assert refused(secrets.get_secret_value, SecretId="other") == "ResourceNotFoundException"


def check_registry():
    ecr = boto3.client("ecr")
    ecr.create_repository(repositoryName="app")
    missing = {"repositoryName": "app", "imageIds": [{"imageTag": "v1"}]}
    assert refused(ecr.describe_images, **missing) == "ImageNotFoundException"
    assert boto3.client("sts").get_caller_identity()["Account"] == "123456789012"


check_objects()
check_logs()
check_parameters_and_secrets()
check_registry()
print("as expected")
