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
), facts AS (
  SELECT
    d."amount_minor" AS "amount_minor",
    d."card" AS "card",
    d."chosen" AS "chosen",
    d."chosen_probability" AS "chosen_probability",
    d."country" AS "country",
    d."decided_at" AS "decided_at",
    d."chosen" AS "route",
    o0.value AS "approved",
    d.decided_at <= CAST('2026-03-19 22:00:00+00:00' AS TIMESTAMPTZ) AS "approved_mature"
  FROM decisions AS d
  LEFT JOIN outcome_0 AS o0
    ON o0.decision_id = d.decision_id
  WHERE
    d.decided_at >= CAST('2026-03-02 00:00:00+00:00' AS TIMESTAMPTZ)
    AND d.decided_at < CAST('2026-03-09 00:00:00+00:00' AS TIMESTAMPTZ)
    AND d.decided_at <= CAST('2026-03-20 00:00:00+00:00' AS TIMESTAMPTZ)
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
    NOT "chosen" IS NULL
  )), 0) AS m1,
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
  ) AS m2,
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
  ) AS m3,
  COALESCE(COUNT_IF((
    NOT (
      NOT "approved_mature"
    ) IS NULL
  )), 0) AS m4,
  COALESCE(COUNT_IF((
    NOT "approved_mature"
  )), 0) AS m5,
  COALESCE(
    COUNT_IF(
      (
        (
          "approved_mature"
        ) AND (
          NOT (
            "approved" IS NULL
          ) IS NULL
        )
      )
    ),
    0
  ) AS m6,
  COALESCE(COUNT_IF((
    (
      "approved_mature"
    ) AND (
      "approved" IS NULL
    )
  )), 0) AS m7,
  COALESCE(
    COUNT_IF(
      (
        (
          "approved_mature" AND NOT "approved" IS NULL
        )
        AND (
          NOT (
            "chosen_probability"
          ) IS NULL
        )
      )
    ),
    0
  ) AS m8,
  CAST(SUM(
    CASE
      WHEN (
        (
          "approved_mature" AND NOT "approved" IS NULL
        )
        AND (
          NOT (
            "chosen_probability"
          ) IS NULL
        )
      )
      THEN (
        "chosen_probability"
      )
    END
  ) AS DOUBLE) AS m9,
  CAST(SUM(
    CASE
      WHEN (
        (
          "approved_mature" AND NOT "approved" IS NULL
        )
        AND (
          NOT (
            "chosen_probability"
          ) IS NULL
        )
      )
      THEN CAST((
        "chosen_probability"
      ) AS DOUBLE) * (
        (
          "chosen_probability"
        )
      )
    END
  ) AS DOUBLE) AS m10
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
