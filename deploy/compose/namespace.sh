#!/bin/sh
# Make the namespace and the search attributes by which releases are found; doing it again changes nothing.
set -eu

namespace=tidegate

temporal operator namespace describe --namespace "$namespace" >/dev/null 2>&1 ||
    temporal operator namespace create --namespace "$namespace" --retention 30d

# The server learns of a new namespace some seconds later.
tries=0
until known=$(temporal operator search-attribute list --namespace "$namespace"); do
    tries=$((tries + 1))
    [ "$tries" -lt 30 ] || exit 1
    sleep 2
done

for name in TidegateApplication TidegateCluster TidegateNamespace TidegateRevision TidegatePhase; do
    case "$known" in
    *"$name"*) ;;
    *) temporal operator search-attribute create --namespace "$namespace" --name "$name" --type Keyword ;;
    esac
done
