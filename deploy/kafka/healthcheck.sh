#!/bin/bash
# Asks the broker in this container which requests it takes (ApiVersions 0, which comes before any login), and ends with 0 when it answers.
# A hundredth of a second of CPU; the tools of Kafka start a JVM for it, and then try every broker at an address outside of the container.
set -uo pipefail
exec 3<> "/dev/tcp/127.0.0.1/${1:-19092}" || exit 1
#        length 10        key 18  version 0   correlation 1   no client id
printf '\x00\x00\x00\x0a\x00\x12\x00\x00\x00\x00\x00\x01\xff\xff' >&3
# After four bytes of length: the same correlation, and error 0.
[[ $(timeout 4 head -c 10 <&3 | od -An -tx1 | tr -d ' \n') == ????????000000010000 ]]
