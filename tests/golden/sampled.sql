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
    c."candidate_id" AS "route",
    COALESCE(d."sample_weight", 1) AS "sample_weight"
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
  CAST(SUM((
    "sample_weight"
  )) AS DOUBLE) AS m1,
  COALESCE(COUNT_IF((
    NOT (
      "is_eligible"
    ) IS NULL
  )), 0) AS m2,
  CAST(SUM(
    CASE WHEN (
      NOT (
        "is_eligible"
      ) IS NULL
    ) THEN (
      "sample_weight"
    ) END
  ) AS DOUBLE) AS m3,
  CAST(SUM(
    CASE
      WHEN (
        NOT (
          "is_eligible"
        ) IS NULL
      )
      THEN CAST((
        "sample_weight"
      ) AS DOUBLE) * (
        (
          "sample_weight"
        )
      )
    END
  ) AS DOUBLE) AS m4,
  COALESCE(COUNT_IF((
    "is_eligible"
  )), 0) AS m5,
  CAST(SUM(CASE WHEN (
    "is_eligible"
  ) THEN (
    "sample_weight"
  ) END) AS DOUBLE) AS m6,
  CAST(SUM(
    CASE
      WHEN (
        "is_eligible"
      )
      THEN CAST((
        "sample_weight"
      ) AS DOUBLE) * (
        (
          "sample_weight"
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
            "is_chosen"
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
            "is_chosen"
          ) IS NULL
        )
      )
      THEN (
        "sample_weight"
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
            "is_chosen"
          ) IS NULL
        )
      )
      THEN CAST((
        "sample_weight"
      ) AS DOUBLE) * (
        (
          "sample_weight"
        )
      )
    END
  ) AS DOUBLE) AS m10,
  COALESCE(COUNT_IF((
    (
      "is_eligible"
    ) AND (
      "is_chosen"
    )
  )), 0) AS m11,
  CAST(SUM(
    CASE
      WHEN (
        (
          "is_eligible"
        ) AND (
          "is_chosen"
        )
      )
      THEN (
        "sample_weight"
      )
    END
  ) AS DOUBLE) AS m12,
  CAST(SUM(
    CASE
      WHEN (
        (
          "is_eligible"
        ) AND (
          "is_chosen"
        )
      )
      THEN CAST((
        "sample_weight"
      ) AS DOUBLE) * (
        (
          "sample_weight"
        )
      )
    END
  ) AS DOUBLE) AS m13,
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
  ) AS m14,
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
        "sample_weight"
      )
    END
  ) AS DOUBLE) AS m15,
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
        "sample_weight"
      ) AS DOUBLE) * (
        (
          "sample_weight"
        )
      )
    END
  ) AS DOUBLE) AS m16,
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
        "sample_weight" * (
          "raw_score"
        )
      )
    END
  ) AS DOUBLE) AS m17,
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
        "sample_weight" * (
          "raw_score"
        )
      ) AS DOUBLE) * (
        (
          "sample_weight" * (
            "raw_score"
          )
        )
      )
    END
  ) AS DOUBLE) AS m18,
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
        "sample_weight" * (
          "raw_score"
        )
      ) AS DOUBLE) * (
        (
          "sample_weight"
        )
      )
    END
  ) AS DOUBLE) AS m19,
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
  ) AS m20,
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
        "sample_weight"
      )
    END
  ) AS DOUBLE) AS m21,
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
        "sample_weight"
      ) AS DOUBLE) * (
        (
          "sample_weight"
        )
      )
    END
  ) AS DOUBLE) AS m22,
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
        "sample_weight" * (
          "layer_fees"
        )
      )
    END
  ) AS DOUBLE) AS m23,
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
        "sample_weight" * (
          "layer_fees"
        )
      ) AS DOUBLE) * (
        (
          "sample_weight" * (
            "layer_fees"
          )
        )
      )
    END
  ) AS DOUBLE) AS m24,
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
        "sample_weight" * (
          "layer_fees"
        )
      ) AS DOUBLE) * (
        (
          "sample_weight"
        )
      )
    END
  ) AS DOUBLE) AS m25,
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
  ) AS m26,
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
        "sample_weight"
      )
    END
  ) AS DOUBLE) AS m27,
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
        "sample_weight"
      ) AS DOUBLE) * (
        (
          "sample_weight"
        )
      )
    END
  ) AS DOUBLE) AS m28,
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
        "sample_weight" * (
          "layer_exploration"
        )
      )
    END
  ) AS DOUBLE) AS m29,
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
        "sample_weight" * (
          "layer_exploration"
        )
      ) AS DOUBLE) * (
        (
          "sample_weight" * (
            "layer_exploration"
          )
        )
      )
    END
  ) AS DOUBLE) AS m30,
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
        "sample_weight" * (
          "layer_exploration"
        )
      ) AS DOUBLE) * (
        (
          "sample_weight"
        )
      )
    END
  ) AS DOUBLE) AS m31
FROM facts
WHERE
  (
    "card" = 'debit'
  )
GROUP BY
  1,
  2,
  3
