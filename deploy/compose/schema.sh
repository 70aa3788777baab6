#!/bin/sh
# Make Temporal's two databases, or bring them to this server's schema. SQL_PASSWORD holds the password.
set -eu

schemas=/etc/temporal/schema/postgresql/v12

bring() {
    database=$1 folder=$2
    sql() { temporal-sql-tool --plugin postgres12 --ep postgres -p 5432 -u temporal --db "$database" "$@"; }
    sql create
    sql setup-schema -v 0.0
    sql update-schema -d "$schemas/$folder/versioned"
}

bring temporal temporal
bring temporal_visibility visibility
