#!/bin/bash
# Starts a broker with deploy/kafka/server.properties. It knows its number and how many brokers there are; passwords
# come from files, go into files that only this container's user reads, and are in no argument and no variable.
set -euo pipefail
shopt -u patsub_replacement 2> /dev/null || true # & in a password is a character

node=${NODE:?} brokers=${BROKERS:?} data=/var/lib/kafka/data
refuse() { echo "kafka: $*" >&2; exit 2; }

[[ $brokers =~ ^[13]$ ]] || refuse "LUTONG_KAFKA_BROKERS is '$brokers': set it to 1, or to 3 with the profile ha"
((node <= brokers)) || refuse "broker $node is one too many: set LUTONG_KAFKA_BROKERS=3, or leave the profile ha out"
[[ ! -e $data/brokers || $(< $data/brokers) == "$brokers" ]] \
  || refuse "this data is of a cluster of $(< $data/brokers): the number of brokers is chosen before the first start"

name() { (($1 == 1)) && echo kafka || echo "kafka-$1"; }
voters=
for ((n = 1; n <= brokers; n++)); do voters+=${voters:+,}$n@$(name "$n"):9093; done

# A password of these two goes into a file of properties, into JAAS and into an argument with commas.
secret() {
  local LC_ALL=C value
  value=$(tr -d '\r' < "/run/secrets/$1")
  [[ $value =~ ^[!-~]([ -~]*[!-~])?$ && $value != *,* ]] \
    || refuse "secret $1 has to be one line of ASCII without commas, and no space before or behind it"
  printf %s "$value"
}
jaas() { # its own escapes, and then those of a file of properties
  local value=$1
  value=${value//\\/\\\\} value=${value//\"/\\\"}
  printf %s "${value//\\/\\\\}"
}

umask 077
admin=$(secret kafka_admin)
broker=$(secret kafka_broker)
settings=$(< /etc/lutong/server.properties)
settings=${settings//@NODE@/$node} settings=${settings//@HOST@/$(name "$node")} settings=${settings//@VOTERS@/$voters}
settings=${settings//@OUTSIDE_PORT@/${OUTSIDE_PORT:?}} settings=${settings//@REPLICAS@/$brokers}
settings=${settings//@IN_SYNC@/$((brokers == 3 ? 2 : 1))}
printf '%s\n' "${settings//@BROKER_PASSWORD@/$(jaas "$broker")}" > /tmp/server.properties

# The administrator must exist before the first connection; `lutong acl apply` creates all other principals.
scram() { printf -- '--add-scram\nSCRAM-SHA-512=[name=%s,password="%s"]\n' "$1" "$2"; }
{
  printf -- '--cluster-id\n%s\n--config\n/tmp/server.properties\n--ignore-formatted\n' "${CLUSTER_ID:?}"
  scram admin "$admin"
  scram broker "$broker"
} > /tmp/format
KAFKA_HEAP_OPTS=-Xmx128m /opt/kafka/bin/kafka-storage.sh format @/tmp/format
rm /tmp/format
echo "$brokers" > $data/brokers

# For the healthcheck, which asks as the admin whether this broker answers.
cat > /tmp/admin.properties <<P
security.protocol=SASL_PLAINTEXT
sasl.mechanism=SCRAM-SHA-512
sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username="admin" password="$(jaas "$admin")";
P
exec /opt/kafka/bin/kafka-server-start.sh /tmp/server.properties
