WITH facts AS (
  SELECT
    d."card" AS "card",
    c."country" AS "country",
    c."decided_at" AS "decided_at",
    c."is_chosen" AS "is_chosen",
    c."is_eligible" AS "is_eligible",
    c."layer_exploration" AS "layer_exploration",
    c."layer_fees" AS "layer_fees",
    c."raw_score" AS "raw_score",
    c."candidate_id" AS "route"
  FROM candidates AS c
  LEFT JOIN (
    SELECT
      *
    FROM decisions AS w
    WHERE
      w.decided_at >= CAST('2026-03-02 00:00:00+00:00' AS TIMESTAMPTZ)
      AND w.decided_at < CAST('2026-03-09 00:00:00+00:00' AS TIMESTAMPTZ)
      AND w.decided_at <= CAST('2026-03-20 00:00:00+00:00' AS TIMESTAMPTZ)
  ) AS d
    ON d.decision_id = c.decision_id
  WHERE
    c.decided_at >= CAST('2026-03-02 00:00:00+00:00' AS TIMESTAMPTZ)
    AND c.decided_at < CAST('2026-03-09 00:00:00+00:00' AS TIMESTAMPTZ)
    AND c.decided_at <= CAST('2026-03-20 00:00:00+00:00' AS TIMESTAMPTZ)
)
SELECT
  CAST("country" AS TEXT) AS "country",
  CAST("route" AS TEXT) AS "route",
  CAST((
    EPOCH_US(decided_at) - 0
  ) // 86400000000 * 86400000000 + 0 AS BIGINT) AS "bucket",
  COUNT(*) AS m0,
  COALESCE(COUNT_IF((
    NOT (
      "is_eligible"
    ) IS NULL
  )), 0) AS m1,
  COALESCE(COUNT_IF((
    "is_eligible"
  )), 0) AS m2,
  COALESCE(
    COUNT_IF(
      (
        (
          "is_eligible"
        ) AND (
          NOT (
            "is_chosen"
          ) IS NULL
        )
      )
    ),
    0
  ) AS m3,
  COALESCE(COUNT_IF((
    (
      "is_eligible"
    ) AND (
      "is_chosen"
    )
  )), 0) AS m4,
  COALESCE(
    COUNT_IF(
      (
        (
          "is_eligible"
        ) AND (
          NOT (
            "raw_score"
          ) IS NULL
        )
      )
    ),
    0
  ) AS m5,
  CAST(SUM(
    CASE
      WHEN (
        (
          "is_eligible"
        ) AND (
          NOT (
            "raw_score"
          ) IS NULL
        )
      )
      THEN (
        "raw_score"
      )
    END
  ) AS DOUBLE) AS m6,
  CAST(SUM(
    CASE
      WHEN (
        (
          "is_eligible"
        ) AND (
          NOT (
            "raw_score"
          ) IS NULL
        )
      )
      THEN CAST((
        "raw_score"
      ) AS DOUBLE) * (
        (
          "raw_score"
        )
      )
    END
  ) AS DOUBLE) AS m7,
  COALESCE(
    COUNT_IF(
      (
        (
          "is_eligible"
        ) AND (
          NOT (
            "layer_fees"
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
          "is_eligible"
        ) AND (
          NOT (
            "layer_fees"
          ) IS NULL
        )
      )
      THEN (
        "layer_fees"
      )
    END
  ) AS DOUBLE) AS m9,
  CAST(SUM(
    CASE
      WHEN (
        (
          "is_eligible"
        ) AND (
          NOT (
            "layer_fees"
          ) IS NULL
        )
      )
      THEN CAST((
        "layer_fees"
      ) AS DOUBLE) * (
        (
          "layer_fees"
        )
      )
    END
  ) AS DOUBLE) AS m10,
  COALESCE(
    COUNT_IF(
      (
        (
          "is_eligible"
        ) AND (
          NOT (
            "layer_exploration"
          ) IS NULL
        )
      )
    ),
    0
  ) AS m11,
  CAST(SUM(
    CASE
      WHEN (
        (
          "is_eligible"
        ) AND (
          NOT (
            "layer_exploration"
          ) IS NULL
        )
      )
      THEN (
        "layer_exploration"
      )
    END
  ) AS DOUBLE) AS m12,
  CAST(SUM(
    CASE
      WHEN (
        (
          "is_eligible"
        ) AND (
          NOT (
            "layer_exploration"
          ) IS NULL
        )
      )
      THEN CAST((
        "layer_exploration"
      ) AS DOUBLE) * (
        (
          "layer_exploration"
        )
      )
    END
  ) AS DOUBLE) AS m13
FROM facts
WHERE
  (
    "card" = 'debit'
  )
GROUP BY
  1,
  2,
  3
