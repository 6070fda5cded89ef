package cli

import (
	"github.com/spf13/cobra"

	"github.com/rowtap/rowtap/internal/config"
)

func newSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema [rowtap|zap]",
		Short: "Print the JSON Schema of rowtap.yaml and zap files",
		Long: "Prints the JSON Schema of rowtap.yaml, of zap files, or a schema that accepts both. Editors with the YAML language server\n" +
			"complete and check files that begin with:\n\n" +
			"  # yaml-language-server: $schema=" + config.SchemaURL("zap"),
		Example:   "  rowtap schema zap > zap.schema.json",
		ValidArgs: []string{"rowtap", "zap"},
		RunE: func(cmd *cobra.Command, args []string) error {
			kind := ""
			if len(args) > 0 {
				kind = args[0]
			}
			b, err := config.Schema(kind)
			if err != nil {
				return usage(cmd, err)
			}
			_, err = cmd.OutOrStdout().Write(b)
			return err
		},
	}
}
