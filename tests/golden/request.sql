WITH outcome_0 AS (
  SELECT
    decision_id,
    ARG_MAX(
      value,
      CAST(EPOCH_US(recorded_at) AS INT128) * 9223372036854775807 + EPOCH_US(outcome_at)
    ) AS value
  FROM outcomes
  WHERE
    outcome = 'approved'
    AND recorded_at <= CAST('2026-03-20 00:00:00+00:00' AS TIMESTAMPTZ)
  GROUP BY
    decision_id
), outcome_1 AS (
  SELECT
    decision_id,
    ARG_MAX(
      value,
      CAST(EPOCH_US(recorded_at) AS INT128) * 9223372036854775807 + EPOCH_US(outcome_at)
    ) AS value
  FROM outcomes
  WHERE
    outcome = 'chargeback'
    AND recorded_at <= CAST('2026-03-20 00:00:00+00:00' AS TIMESTAMPTZ)
  GROUP BY
    decision_id
), outcome_2 AS (
  SELECT
    decision_id,
    ARG_MAX(
      value,
      CAST(EPOCH_US(recorded_at) AS INT128) * 9223372036854775807 + EPOCH_US(outcome_at)
    ) AS value
  FROM outcomes
  WHERE
    outcome = 'fee'
    AND recorded_at <= CAST('2026-03-20 00:00:00+00:00' AS TIMESTAMPTZ)
  GROUP BY
    decision_id
), retries AS (
  SELECT
    d.request_id,
    MAX(d.decided_at) AS last_at,
    COUNT(*) AS attempts,
    MAX(o0.value) AS value_0,
    COUNT(o0.value) AS known_0,
    MAX(o1.value) AS value_1,
    COUNT(o1.value) AS known_1,
    SUM(o2.value) AS value_2,
    COUNT(o2.value) AS known_2
  FROM decisions AS d
  LEFT JOIN outcome_0 AS o0
    ON o0.decision_id = d.decision_id
  LEFT JOIN outcome_1 AS o1
    ON o1.decision_id = d.decision_id
  LEFT JOIN outcome_2 AS o2
    ON o2.decision_id = d.decision_id
  WHERE
    d.attempt > 1
    AND d.decided_at >= CAST('2026-03-02 00:00:00+00:00' AS TIMESTAMPTZ)
    AND d.decided_at <= CAST('2026-03-20 00:00:00+00:00' AS TIMESTAMPTZ)
  GROUP BY
    d.request_id
), facts AS (
  SELECT
    d."amount_minor" AS "amount_minor",
    d."card" AS "card",
    d."country" AS "country",
    d."currency" AS "currency",
    d."decided_at" AS "decided_at",
    d."chosen" AS "route",
    CASE
      WHEN GREATEST(o0.value, r.value_0) >= 1
      OR (
        NOT o0.value IS NULL AND COALESCE(r.attempts, 0) = COALESCE(r.known_0, 0)
      )
      THEN GREATEST(o0.value, r.value_0)
    END AS "approved",
    GREATEST(d.decided_at, r.last_at) <= CAST('2026-03-19 22:00:00+00:00' AS TIMESTAMPTZ) AS "approved_mature",
    CASE
      WHEN GREATEST(o1.value, r.value_1) >= 1
      OR (
        NOT o1.value IS NULL AND COALESCE(r.attempts, 0) = COALESCE(r.known_1, 0)
      )
      THEN GREATEST(o1.value, r.value_1)
    END AS "chargeback",
    GREATEST(d.decided_at, r.last_at) <= CAST('2026-03-17 00:00:00+00:00' AS TIMESTAMPTZ) AS "chargeback_mature",
    CASE
      WHEN NOT o2.value IS NULL AND COALESCE(r.attempts, 0) = COALESCE(r.known_2, 0)
      THEN o2.value + COALESCE(r.value_2, 0)
    END AS "fee",
    GREATEST(d.decided_at, r.last_at) <= CAST('2026-03-19 00:00:00+00:00' AS TIMESTAMPTZ) AS "fee_mature"
  FROM decisions AS d
  LEFT JOIN retries AS r
    ON r.request_id = d.request_id
  LEFT JOIN outcome_0 AS o0
    ON o0.decision_id = d.decision_id
  LEFT JOIN outcome_1 AS o1
    ON o1.decision_id = d.decision_id
  LEFT JOIN outcome_2 AS o2
    ON o2.decision_id = d.decision_id
  WHERE
    d.decided_at >= CAST('2026-03-02 00:00:00+00:00' AS TIMESTAMPTZ)
    AND d.decided_at < CAST('2026-03-09 00:00:00+00:00' AS TIMESTAMPTZ)
    AND d.decided_at <= CAST('2026-03-20 00:00:00+00:00' AS TIMESTAMPTZ)
    AND d.attempt = 1
)
SELECT
  CAST("country" AS TEXT) AS "country",
  CAST("route" AS TEXT) AS "route",
  CAST((
    EPOCH_US(decided_at) - 0
  ) // 86400000000 * 86400000000 + 0 AS BIGINT) AS "bucket",
  COALESCE((
    "amount_minor" > 5000
  ), FALSE) AS "segment_0",
  COUNT(*) AS m0,
  COALESCE(COUNT_IF((
    NOT (
      "amount_minor"
    ) IS NULL
  )), 0) AS m1,
  CAST(SUM(
    CASE WHEN (
      NOT (
        "amount_minor"
      ) IS NULL
    ) THEN (
      "amount_minor"
    ) END
  ) AS DECIMAL(38, 0)) AS m2,
  MIN(
    CASE
      WHEN (
        NOT (
          "amount_minor"
        ) IS NULL
      )
      THEN (
        COALESCE("currency", '?')
      )
    END
  ) AS m3,
  MAX(
    CASE
      WHEN (
        NOT (
          "amount_minor"
        ) IS NULL
      )
      THEN (
        COALESCE("currency", '?')
      )
    END
  ) AS m4,
  CAST(SUM(
    CASE
      WHEN (
        NOT (
          "amount_minor"
        ) IS NULL
      )
      THEN CAST((
        "amount_minor"
      ) AS DOUBLE) * (
        (
          "amount_minor"
        )
      )
    END
  ) AS DOUBLE) AS m5,
  COALESCE(
    COUNT_IF(
      (
        (
          "approved_mature" AND NOT "approved" IS NULL
        )
        AND (
          NOT (
            "approved" >= 1
          ) IS NULL
        )
      )
    ),
    0
  ) AS m6,
  COALESCE(
    COUNT_IF(
      (
        (
          "approved_mature" AND NOT "approved" IS NULL
        ) AND (
          "approved" >= 1
        )
      )
    ),
    0
  ) AS m7,
  COALESCE(
    COUNT_IF(
      (
        (
          "chargeback_mature" AND NOT "chargeback" IS NULL
        )
        AND (
          NOT (
            "chargeback" >= 1
          ) IS NULL
        )
      )
    ),
    0
  ) AS m8,
  COALESCE(
    COUNT_IF(
      (
        (
          "chargeback_mature" AND NOT "chargeback" IS NULL
        )
        AND (
          "chargeback" >= 1
        )
      )
    ),
    0
  ) AS m9,
  COALESCE(
    COUNT_IF((
      (
        "fee_mature"
      ) AND (
        NOT (
          "fee"
        ) IS NULL
      )
    )),
    0
  ) AS m10,
  CAST(SUM(
    CASE
      WHEN (
        (
          "fee_mature"
        ) AND (
          NOT (
            "fee"
          ) IS NULL
        )
      )
      THEN (
        "fee"
      )
    END
  ) AS DOUBLE) AS m11,
  CAST(SUM(
    CASE
      WHEN (
        (
          "fee_mature"
        ) AND (
          NOT (
            "fee"
          ) IS NULL
        )
      )
      THEN CAST((
        "fee"
      ) AS DOUBLE) * (
        (
          "fee"
        )
      )
    END
  ) AS DOUBLE) AS m12
FROM facts
WHERE
  (
    "card" = 'debit'
  )
GROUP BY
  1,
  2,
  3,
  4
