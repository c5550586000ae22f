"""Moving in: what another system holds, copied here over the API that both speak."""
