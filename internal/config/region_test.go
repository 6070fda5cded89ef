package config_test

import (
	"fmt"
	"testing"

	"github.com/rowtap/rowtap/internal/clevertap"
	"github.com/rowtap/rowtap/internal/config"
)

// TestRegionsAreTheClients: every region that the client has a host for can be configured.
func TestRegionsAreTheClients(t *testing.T) {
	for _, region := range clevertap.Regions() {
		dir := directory(t, map[string]string{"rowtap.yaml": fmt.Sprintf("clevertap_accounts:\n  it:\n    account_id: A\n    passcode: ${CLEVERTAP_PASSCODE}\n    region: %s\n", region)})
		if _, err := config.Load(dir, environment(t, nil)); err != nil {
			t.Errorf("region %s: %v", region, err)
		}
	}
}
