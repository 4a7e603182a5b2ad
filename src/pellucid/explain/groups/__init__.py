"""What makes the scores of groups: alone, compared, one candidate or model against another."""
