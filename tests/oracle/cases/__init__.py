"""All scenarios, by name of their area. Cases of one scenario share one copy of the seed and run in order."""

from tests.oracle.cases import (
    auth,
    auth_records,
    bodies,
    collections,
    errors,
    expand,
    fields,
    filters,
    headers,
    logs,
    modifiers,
    paging,
    records,
    rules,
    schema_fields,
    sort,
    validation,
)
from tests.oracle.harness import Case

SCENARIOS: dict[str, list[Case]] = {
    "errors": errors.CASES,
    "headers": headers.CASES,
    "auth": auth.CASES,
    "auth-records": auth_records.CASES,
    "collections": collections.CASES,
    "schema-fields": schema_fields.CASES,
    "records": records.CASES,
    "validation": validation.CASES,
    "rules": rules.CASES,
    "filters": filters.CASES,
    "sort": sort.CASES,
    "paging": paging.CASES,
    "fields": fields.CASES,
    "expand": expand.CASES,
    "modifiers": modifiers.CASES,
    "bodies": bodies.CASES,
    "logs": logs.CASES,
}
